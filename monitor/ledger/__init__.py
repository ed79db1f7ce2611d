"""What is believed, as pure state machines: facts become events."""
