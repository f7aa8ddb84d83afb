complete -c refresh -l config -d 'The configuration file [default: ./var/config.toml if present, else /etc/waypost/config.toml]' -r -F
complete -c refresh -s h -l help -d 'Print help'
