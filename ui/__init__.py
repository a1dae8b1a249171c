"""The page: Gradio components, routes and presenters. No computing and no SQL."""
