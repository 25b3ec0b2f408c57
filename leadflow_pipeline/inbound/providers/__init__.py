"""What providers of email tell us of messages: each provider's words turned into ours."""
