"""Results for people: a Markdown page, a picture, and the bars that must be met."""
