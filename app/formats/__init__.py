"""What a picture file is and what decoding it takes, known from its bytes before any pixel is decoded."""
