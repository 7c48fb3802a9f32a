"""What is known of every link: watched backward passes, shares, conserved flow."""
