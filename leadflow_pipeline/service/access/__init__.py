"""Who may ask the service for what: tokens, scopes, how often, and what each caller changed."""
