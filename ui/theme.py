"""The look in Gradio's terms: its theme variables point at the tokens of `static/tokens.css`.

Every value is a `var(--wb-…)`, which the stylesheet defines for light and for dark, so a colour is
written down once. Two exceptions: Gradio paints the page's ground and its text before any
stylesheet is there, from literal values. No font is downloaded.
"""

import gradio as gr

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "Arial")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "Menlo", "Consolas", "DejaVu Sans Mono")

FIRST_PAINT = {
    "body_background_fill": "#FAF9F6",
    "body_background_fill_dark": "#151412",
    "body_text_color": "#1E1C19",
    "body_text_color_dark": "#ECE8E1",
}

# The name of a theme variable and its value, the same in light and in dark.
SURFACES = {
    "background_fill_primary": "var(--wb-page)",
    "background_fill_secondary": "var(--wb-sunken)",
    "block_background_fill": "transparent",
    "block_border_width": "0px",
    "block_shadow": "none",
    "panel_background_fill": "transparent",
    "panel_border_width": "0px",
    "border_color_primary": "var(--wb-line)",
    "border_color_accent": "var(--wb-accent)",
    "color_accent_soft": "var(--wb-accent-soft)",
    "error_background_fill": "var(--wb-error-soft)",
    "error_border_color": "var(--wb-error)",
    "error_text_color": "var(--wb-error)",
    "error_icon_color": "var(--wb-error)",
    "loader_color": "var(--wb-accent)",
    "slider_color": "var(--wb-ink)",
    "stat_background_fill": "var(--wb-accent)",
}
TEXT = {
    "body_text_color_subdued": "var(--wb-ink-3)",
    "accordion_text_color": "var(--wb-ink)",
    "block_info_text_color": "var(--wb-ink-3)",
    "block_label_background_fill": "transparent",
    "block_label_border_width": "0px",
    "block_label_text_color": "var(--wb-ink)",
    "block_title_text_color": "var(--wb-ink)",
    "link_text_color": "var(--wb-ink)",
    "link_text_color_hover": "var(--wb-ink)",
    "link_text_color_visited": "var(--wb-ink)",
    "link_text_color_active": "var(--wb-ink)",
}
CONTROLS = {
    "input_background_fill": "var(--wb-raised)",
    "input_background_fill_focus": "var(--wb-raised)",
    "input_background_fill_hover": "var(--wb-raised)",
    "input_border_color": "var(--wb-line-strong)",
    "input_border_color_hover": "var(--wb-ink-2)",
    "input_border_color_focus": "var(--wb-accent)",
    "input_border_width": "1px",
    "input_placeholder_color": "var(--wb-ink-3)",
    "input_shadow": "none",
    "input_shadow_focus": "0 0 0 1px var(--wb-accent)",
    "button_border_width": "1px",
    "button_primary_background_fill": "var(--wb-ink)",
    "button_primary_background_fill_hover": "var(--wb-ink-2)",
    "button_primary_border_color": "var(--wb-ink)",
    "button_primary_border_color_hover": "var(--wb-ink-2)",
    "button_primary_text_color": "var(--wb-on-ink)",
    "button_primary_text_color_hover": "var(--wb-on-ink)",
    "button_primary_shadow": "none",
    "button_primary_shadow_hover": "none",
    "button_primary_shadow_active": "none",
    "button_secondary_background_fill": "transparent",
    "button_secondary_background_fill_hover": "var(--wb-hover)",
    "button_secondary_border_color": "var(--wb-line-strong)",
    "button_secondary_text_color": "var(--wb-ink)",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_hover": "var(--wb-hover)",
    "checkbox_label_background_fill_selected": "var(--wb-ink)",
    "checkbox_label_border_width": "0px",
    "checkbox_label_shadow": "none",
    "checkbox_label_text_color": "var(--wb-ink-2)",
    "checkbox_label_text_color_selected": "var(--wb-on-ink)",
}
# Sizes have no dark form.
SIZES = {
    "body_text_size": "14px",
    "block_info_text_size": "12px",
    "block_label_text_size": "13px",
    "block_label_text_weight": "600",
    "block_padding": "0px",
    "block_radius": "6px",
    "block_title_padding": "0px",
    "block_title_text_size": "13px",
    "block_title_text_weight": "600",
    "button_large_padding": "8px 12px",
    "button_large_radius": "6px",
    "button_large_text_size": "14px",
    "button_large_text_weight": "500",
    "button_transform_active": "none",
    "button_transform_hover": "none",
    "button_transition": "background-color 120ms",
    "checkbox_label_gap": "0px",
    "checkbox_label_padding": "7px 12px",
    "checkbox_label_text_size": "14px",
    "color_accent": "var(--wb-accent)",
    "container_radius": "0px",
    "form_gap_width": "0px",
    "input_padding": "7px 10px",
    "input_radius": "6px",
    "input_text_size": "14px",
    "layout_gap": "16px",
    "section_header_text_size": "15px",
    "section_header_text_weight": "600",
    "shadow_drop": "none",
    "shadow_drop_lg": "var(--wb-shadow-2)",
    "shadow_inset": "none",
}


def build_theme() -> gr.themes.Base:
    """The theme `launch` takes."""
    theme = gr.themes.Base(font=[*SANS, "sans-serif"], font_mono=[*MONO, "monospace"])
    coloured = SURFACES | TEXT | CONTROLS
    in_the_dark = {f"{name}_dark": value for name, value in coloured.items()}
    theme.set(**FIRST_PAINT, **coloured, **in_the_dark, **SIZES)
    return theme
