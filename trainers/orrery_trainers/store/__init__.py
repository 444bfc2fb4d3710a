"""Files in the store: writes survive a kill, and reads check everything."""
