"""What the page is made of: material, blocks, pictures, and words."""
