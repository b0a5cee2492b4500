"""What is asked and what is answered: requests, responses and forms."""
