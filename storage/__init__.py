"""Where feeds, items, stories, facts, ledgers, alerts and deliveries are kept."""
