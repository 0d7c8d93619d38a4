"""Virtual batteries that speak a dialect of the binary frame; written from the makers' documents."""
