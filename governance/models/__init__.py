"""Models and prompts: what is registered, approved and due, and what the log shows at work."""
