complete -c start-msg -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c start-msg -s h -l help -d 'Print help'
