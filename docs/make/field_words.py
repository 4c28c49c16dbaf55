"""What each field of a record is for, in short words of our own, after the vendor's pages.

The pages are `customers/migrate/post`, `customers/migrate/events/post`, `customers/migrate/transactions/post` and
`guides/migrate-customers` at docs.masivo.ai. If they say nothing, the sentence is about what the field's name says, and
no more. `make_fields.py` joins these words with the schema; a field without words is an error, and the reverse.

Keys are the structs of `masivo_stream.model.schemas`; a struct that takes over another's fields takes over its words.
"""

RECORDS = {
    "CustomerRecord": "One line of a customers export is one customer.",
    "EventsRecord": "One line of an events export is one customer, with events of that customer. A customer's events"
    " may be on several lines, and in several migrations. Migrated events count as fulfilled, and take no part in"
    " campaigns that are active.",
    "TransactionsRecord": "One line of a transactions export is one customer, with **all** of that customer's"
    " transactions: they must add up to the customer's balance, reward by reward, and can be migrated only once."
    " They cannot be split over two requests, so a customer has at most 1000.",
}
"""What a record of each kind is."""

STRUCTS = {
    "CustomerMetrics": "What a customer did in some periods. The system calculates metrics again after migrated events,"
    " from those of type `PURCHASE`.",
    "MetricsPeriod": "One period of a customer's metrics; all nine have the same fields.",
    "BalanceItem": "One amount in a customer's wallet. Several items of one reward add up.",
    "Device": "A device that push messages are sent to.",
    "DeviceInfo": "What kind of device it is.",
    "Event": "Something that a customer did: a purchase, for example.",
    "Order": "What was bought.",
    "Product": "One product of an order.",
    "Shipping": "How an order was shipped.",
    "Redemption": "A reward that was redeemed in an order, a product or a shipping.",
    "Transaction": "One accumulation, redemption or other change of a customer's wallet.",
}
"""What an object inside of a record is."""

FIELDS = {
    "CustomerRecord": {
        "id": "the customer's id in your system, unique in the account",
        "name": "the customer's name",
        "email": "the customer's email address, unique in the account",
        "registration_date": "when the customer joined",
        "gender": "the customer's gender",
        "dob": "the date of birth, as a date-time",
        "document_type": "the kind of identity document",
        "document_number": "the number of that document",
        "country": "the customer's country",
        "metadata": "any further information, of any shape",
        "tags": "the customer's tags",
        "metrics": "what the customer did in some periods",
        "balance": "what is in the wallet, by reward; the customer's transactions must add up to it",
        "devices": "devices that push messages are sent to",
    },
    "CustomerMetrics": {
        "lifetime": "from the beginning",
        "last_year": "the year before this one",
        "this_year": "this year",
        "last_month": "the month before this one",
        "this_month": "this month",
        "last_quarter": "the quarter before this one",
        "this_quarter": "this quarter",
        "last_semester": "the half year before this one",
        "this_semester": "this half year",
        "updated_at": "when these metrics were calculated",
    },
    "MetricsPeriod": {
        "from": "begin of the period",
        "to": "end of the period",
        "tier_id": "the tier that the customer had; it has to be in the account",
        "last_visit": "the last visit in the period",
        "spend_total": "what the customer spent in the period",
        "number_of_purchases": "how often the customer bought in the period",
        "last_session": "the last session in the period",
    },
    "BalanceItem": {
        "amount": "how much of the reward",
        "reward_id": "the reward; it has to be in the account",
        "brand_id": "the brand that owns the reward; null if it has none",
        "expiration_date": "when the amount expires; null for never",
        "channel_id": "where it comes from; the channel has to be in the account",
        "store_id": "where it comes from; the store has to be in the account",
        "funded_by": "who paid for the reward",
        "issued_at": "when the amount was issued first; without it, the time of the migration",
    },
    "Device": {
        "device_token": "the token that names the device, from Firebase",
        "device_info": "what kind of device it is",
        "expires_at": "when the token expires",
        "created_at": "when the device was registered",
    },
    "DeviceInfo": {
        "platform": "its platform",
        "model": "its model",
        "osVersion": "the version of its operating system",
    },
    "EventsRecord": {
        "id": "the customer's id in your system; the customer has to be migrated already",
        "events": "the events; 1000 in one request at most, so a longer list travels in several requests",
    },
    "Event": {
        "type": "the type: only `PURCHASE` counts for metrics and tier; others have to be in the account",
        "order": "what was bought",
        "fulfilled": "whether the event was fulfilled",
        "issued_at": "when it happened",
        "resolved_at": "when it was resolved; null if it was not",
        "brand_id": "the brand that it belongs to; null for none",
        "channel_id": "the channel it came by; the channel has to be in the account",
        "store_id": "the store; it has to be in the account",
    },
    "OrderFields": {
        "purchase_id": "the order's id in your system. A customer's second event with this `purchase_id` may be a"
        " duplicate",
        "value": "total or subtotal of the order",
        "products": "the products",
        "payment_method": "how it was paid",
        "channel_id": "the channel's id in your system",
        "store_id": "the store's id in your system",
        "shipping": "how it was shipped",
        "redeem": "rewards that were redeemed in the order",
        "metadata": "any further information, of any shape",
        "discounted_value": "the same after discounts. The vendor's page requires it, the guide's example has none",
    },
    "Product": {
        "sku": "the product's number",
        "amount": "how many",
        "value": "total or subtotal of the product",
        "discounted_value": "the same after discounts",
        "redeem": "rewards that were redeemed in the product",
        "tags": "tags of the event, for conditions",
        "metadata": "any further information, of any shape",
    },
    "Shipping": {
        "value": "what the shipping cost",
        "discounted_value": "the same after discounts",
        "redeem": "rewards that were redeemed in the shipping",
        "tags": "tags of the event, for conditions",
        "metadata": "any further information, of any shape",
    },
    "Redemption": {
        "id": "the reward",
        "amount": "how much of it; for each piece, if that applies",
    },
    "TransactionsRecord": {
        "id": "the customer's id in your system; the customer has to be migrated already, and then the events",
        "transactions": "all transactions of the customer",
    },
    "TransactionFields": {
        "type": "what kind of change it is",
        "amount": "how much of the reward: positive if the customer earned, negative if the customer spent",
        "reward_id": "the reward; it has to be in the account",
        "issued_at": "when it happened",
        "resolved_at": "when it was resolved",
        "details": "a text about it",
        "brand_id": "the brand that the reward belongs to",
        "channel_id": "the channel; it has to be in the account",
        "store_id": "the store; it has to be in the account",
        "cost": "what it cost",
        "event": "the event that it belongs to, with `type` and `order`",
        "funded_by": "who paid for the reward",
    },
}
"""What each field is; marks of the export and the common fields of unions are described by `make_fields.py`."""
