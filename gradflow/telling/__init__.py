"""What goes to stderr while something is computed: notes, warnings and how far it is."""
