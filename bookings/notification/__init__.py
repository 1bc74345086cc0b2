"""Notifications: what people are told, in the app, by e-mail and in the log.

Owns the table notifications (queued → sending → sent | failed → dead) and the delivery of reminders, whose rows are
written with the booking. Consumer: notification. Jobs: notification.deliver, notification.review-request. Events:
booking.reminder, notification.created, notification.sent. docs/notifications.md says more.
"""
