complete -c stop-msg -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c stop-msg -s f -l force -d 'Kill the processes instead of telling their clients first'
complete -c stop-msg -s h -l help -d 'Print help'
