"""All that comes back: requests of links and pixels, mails, events of providers. All become facts, none decides."""
