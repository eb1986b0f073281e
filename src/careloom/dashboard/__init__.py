"""Service reports as pages and pictures, read through the SDK as the person who is signed in."""
