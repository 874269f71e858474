"""What must not be forgotten: voucher rules, treatment feedback and its undoing, the messages that follow."""
