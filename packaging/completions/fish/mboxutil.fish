complete -c mboxutil -s t -d 'With -R: only what was expunged or deleted in the last so many hours' -r
complete -c mboxutil -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c mboxutil -s l -d 'List mailboxes with messages and bytes: those of the named users, or of all'
complete -c mboxutil -s s -d 'With -l: only names'
complete -c mboxutil -s c -d 'Create mailboxes, with those above them'
complete -c mboxutil -s d -d 'Delete mailboxes; those below them stay'
complete -c mboxutil -s r -d 'Rename a mailbox with those below it: its name, then the new one'
complete -c mboxutil -s R -d 'Bring back expunged messages of mailboxes, or mailboxes that were deleted'
complete -c mboxutil -s h -l help -d 'Print help'
