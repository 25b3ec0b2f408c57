"""All that comes back by mail: bounces, complaints, replies."""
