"""From text to a document that may run: bounded, parsed, limited, validated, kept."""
