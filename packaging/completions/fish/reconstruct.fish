complete -c reconstruct -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c reconstruct -s n -l dry-run -d 'Only say what would come of it'
complete -c reconstruct -s f -l force -d 'Also when the metadata can be read'
complete -c reconstruct -s h -l help -d 'Print help'
