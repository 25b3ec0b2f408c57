"""A language model's opinion of a lead: a number it is asked for once, with a bounded share of the score.

What belongs here: what the campaign file says (`rules`), what the model is shown (`question`), asking (`asking`, a
door), and what an opinion adds to a score (`voice`). What does not: the wire (`vendors.language_model`), buying only
once (`vendors.lookups`), and reading opinions as of a day (`store.facts`).

A model may be fooled by what a lead wrote about itself. So nothing follows from an opinion but its share of the score,
and the words that came with it are shown to whoever asks, never stored with the score or sent anywhere.
"""
