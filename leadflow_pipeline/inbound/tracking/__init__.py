"""Opens and clicks: who asked, whether it was a person, and the facts that follow."""
