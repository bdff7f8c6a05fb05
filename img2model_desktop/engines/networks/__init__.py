"""What the networks of several families are made of, and how published weights get into them."""
