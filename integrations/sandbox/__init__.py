"""The far end of the provider `sandbox`: a payment gateway as a stranger would run it, served at `/sandbox/`.

It knows nothing of organizations or connections: who calls is told by the API key alone. Amounts that end in certain
decimals are marked (`marked_amounts.py`) and show how declines, slowness and outages look.
"""
