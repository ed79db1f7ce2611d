"""The demo: a loopback server tells a recorded offensive in accelerated time, and the real daemon watches it."""
