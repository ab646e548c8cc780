"""What an explanation says, part by part; `governance.explanation` puts the parts together."""
