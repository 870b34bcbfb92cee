"""What operators copy from deploy/."""
