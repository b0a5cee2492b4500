"""What follows an answer: a redirect, a retry, a failure, or the callback."""
