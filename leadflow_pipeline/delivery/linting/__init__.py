"""The linter of emails: what a campaign file may say, and a careful sender would not.

What belongs here: findings about tokens, links, words, size and markup, for each email in each language. What does not:
what makes a file invalid (`campaign`). Pure, but for `link_check`, which asks the network when it is told to.
"""
