"""The layouts: under which topics a snapshot is published. What is published of it does not depend on the layout."""
