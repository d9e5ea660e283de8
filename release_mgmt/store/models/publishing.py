"""Tables of publishing: changelogs as published, feeds and subscriptions."""
