"""What users put right: misread pictures with their right digits, kept in the operator's folder to learn from."""
