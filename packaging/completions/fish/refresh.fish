complete -c refresh -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c refresh -s h -l help -d 'Print help'
