"""Makes the voice: teachers, data, models, training, export and evaluation. Not needed to run the program."""
