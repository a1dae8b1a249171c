"""First frame, prompt and camera path to video. Import the module you need; nothing loads here."""
