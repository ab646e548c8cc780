"""Lines of JSON that differ in their values only: what they have in common, and their values column by column."""
