complete -c imsconnutil -s s -d 'Only connections of this service (imap or pop); -k and -a always take all' -r
complete -c imsconnutil -s u -d 'Only this user: `name` in the default domain, or `name@domain`; may be repeated' -r
complete -c imsconnutil -s f -d 'Only the users in this file, one a line' -r -F
complete -c imsconnutil -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c imsconnutil -s c -d 'List the users who are connected'
complete -c imsconnutil -s a -d 'List when users have last logged in and out'
complete -c imsconnutil -s k -d 'Disconnect the users of -u or -f'
complete -c imsconnutil -s h -l help -d 'Print help'
