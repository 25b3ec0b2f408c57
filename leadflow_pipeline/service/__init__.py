"""Service: the HTTP skin of the pipeline. It takes in what the world sends, and answers.

What belongs here: requests, signatures, answers; one router for each concern. What does not: any rule about a lead.
Records go through the same door as files (`harvest.door`), so a lead that comes by webhook is like any other.
"""
