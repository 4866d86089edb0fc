"""From what is wrong to a message at somebody's: rules, silences, channels, and the notifications between them.

alerts (one floor up)  opens and resolves by the rules what the `*_alerts` modules have found
telling                writes what is to be told of an alert, in the transaction that changes it
queue, deliver         claims what was written and sends it, one message at a time a channel, many alerts as one
courier                the process in which Apprise runs, with its sockets and files under guard
"""
