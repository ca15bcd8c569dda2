"""The pictures that training makes: digits and non-digits, drawn, photographed, corrupted and preprocessed."""
