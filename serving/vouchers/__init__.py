"""Vouchers over HTTP: the provider's portal and treatment feedback, the officer's lists and report, receipts."""
