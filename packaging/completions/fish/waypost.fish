# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_waypost_global_optspecs
    string join \n config= h/help V/version
end

function __fish_waypost_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_waypost_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_waypost_using_subcommand
    set -l cmd (__fish_waypost_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c waypost -n "__fish_waypost_needs_command" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_needs_command" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_needs_command" -s V -l version -d 'Print version'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "run" -d 'Run the server until SIGTERM or Ctrl-C'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "demo" -d 'Set up and run a demo server with the users alice and bob in a folder'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "status" -d 'Show services, processes, connections and ports'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "start-msg" -d 'Start services that are enabled; without names, all of them'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "stop-msg" -d 'Stop services, enabled or not; without names, all of them'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "refresh" -d 'Have services read their settings again without dropping a connection; without names, all'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "counters" -d 'Show the counters of the services'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "imsconnutil" -d 'Show who is connected, or disconnect users'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "mboxutil" -d 'List, create, delete, rename and bring back mailboxes'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "cert" -d 'Make, show, check and install the server\'s certificate'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "user" -d 'Manage users'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "domain" -d 'Manage domains'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "directory" -d 'Look at the directory that the server uses'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "login-explain" -d 'Show whether a user would be let in, every step of the decision and where its rule stands'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "deliver" -d 'Deliver the message on standard input to a user'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "quota" -d 'Show what users have stored, and their quotas'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "import" -d 'Import an mbox file or a Maildir into a user\'s mailboxes'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "backup" -d 'Copy store, users and configuration consistently, also while the server runs'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "check" -d 'Check whether the store is whole, also while the server runs; nothing is changed'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "compact" -d 'Give back the disk space of messages that are gone, at once instead of in the background'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "repair" -d 'Check the store and repair what can be repaired, also while the server runs'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "reconstruct" -d 'Make the metadata of the store anew from its segments, when they are lost or cannot be read'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "selftest" -d 'Check whether this machine\'s disk and system keep what is acknowledged, in a new folder'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "check-config" -d 'Check the configuration file'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "msconfig" -d 'Change and show options; without arguments it asks for commands'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "version" -d 'Show the version'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "selftest-writer" -d 'The writer that `selftest` kills'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "stored" -d 'The writer of the store (started by `run`)'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "imapd" -d 'The IMAP service (started by `run`)'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "popd" -d 'The POP3 service (started by `run`)'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "lmtpd" -d 'The LMTP service (started by `run`)'
complete -c waypost -n "__fish_waypost_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand run" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand run" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand demo" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand demo" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand status" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand status" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand start-msg" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand start-msg" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand stop-msg" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand stop-msg" -s f -l force -d 'Kill the processes instead of telling their clients first'
complete -c waypost -n "__fish_waypost_using_subcommand stop-msg" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand refresh" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand refresh" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand counters" -s i -l interval -d 'Show them again every so many seconds' -r
complete -c waypost -n "__fish_waypost_using_subcommand counters" -s n -l count -d 'Stop after so many times [default: never with --interval, else 1]' -r
complete -c waypost -n "__fish_waypost_using_subcommand counters" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand counters" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand imsconnutil" -s s -d 'Only connections of this service (imap or pop); -k and -a always take all' -r
complete -c waypost -n "__fish_waypost_using_subcommand imsconnutil" -s u -d 'Only this user: `name` in the default domain, or `name@domain`; may be repeated' -r
complete -c waypost -n "__fish_waypost_using_subcommand imsconnutil" -s f -d 'Only the users in this file, one a line' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand imsconnutil" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand imsconnutil" -s c -d 'List the users who are connected'
complete -c waypost -n "__fish_waypost_using_subcommand imsconnutil" -s a -d 'List when users have last logged in and out'
complete -c waypost -n "__fish_waypost_using_subcommand imsconnutil" -s k -d 'Disconnect the users of -u or -f'
complete -c waypost -n "__fish_waypost_using_subcommand imsconnutil" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -s t -d 'With -R: only what was expunged or deleted in the last so many hours' -r
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -s l -d 'List mailboxes with messages and bytes: those of the named users, or of all'
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -s s -d 'With -l: only names'
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -s c -d 'Create mailboxes, with those above them'
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -s d -d 'Delete mailboxes; those below them stay'
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -s r -d 'Rename a mailbox with those below it: its name, then the new one'
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -s R -d 'Bring back expunged messages of mailboxes, or mailboxes that were deleted'
complete -c waypost -n "__fish_waypost_using_subcommand mboxutil" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and not __fish_seen_subcommand_from self-signed show clients check install help" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand cert; and not __fish_seen_subcommand_from self-signed show clients check install help" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and not __fish_seen_subcommand_from self-signed show clients check install help" -f -a "self-signed" -d 'Make a key and a certificate that it signs itself'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and not __fish_seen_subcommand_from self-signed show clients check install help" -f -a "show" -d 'Show what is written in the configured certificate, or in that of a file'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and not __fish_seen_subcommand_from self-signed show clients check install help" -f -a "clients" -d 'Show the authorities whose certificates let clients log in, and the maps of certificates\' owners'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and not __fish_seen_subcommand_from self-signed show clients check install help" -f -a "check" -d 'Check the configured certificate and its key; exit status 0 good, 1 warning, 2 bad'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and not __fish_seen_subcommand_from self-signed show clients check install help" -f -a "install" -d 'Check a certificate and its key, and put them in the place of the configured ones'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and not __fish_seen_subcommand_from self-signed show clients check install help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from self-signed" -l name -d 'A host name or address that clients call the server; may be repeated [default: base.hostname]' -r
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from self-signed" -l days -d 'How many days it is valid' -r
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from self-signed" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from self-signed" -l force -d 'Replace a certificate that is not self-signed'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from self-signed" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from clients" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from clients" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from check" -l host -d 'A name that clients call the server [default: base.hostname, which only gives a warning]' -r
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from check" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from install" -l cert -d 'The certificate chain in PEM form, the server\'s own certificate first' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from install" -l key -d 'The private key in PEM form' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from install" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "self-signed" -d 'Make a key and a certificate that it signs itself'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show what is written in the configured certificate, or in that of a file'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "clients" -d 'Show the authorities whose certificates let clients log in, and the maps of certificates\' owners'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the configured certificate and its key; exit status 0 good, 1 warning, 2 bad'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "install" -d 'Check a certificate and its key, and put them in the place of the configured ones'
complete -c waypost -n "__fish_waypost_using_subcommand cert; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "add" -d 'Add a user; the password is asked for'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "show" -d 'Show all attributes of a user; of the password only the scheme'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "set" -d 'Give attributes of a user other values'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "export" -d 'Print domains and users as LDIF, hashes included'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "import" -d 'Take in domains and users; who is there already is changed, all or nothing'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "passwd" -d 'Change a user\'s password; it is asked for'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "list" -d 'List the users'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "disable" -d 'Shut a user out and refuse new mail'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "enable" -d 'Let a disabled user in again'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "access" -d 'Show or change which services a user may use, and from where (mailAllowedServiceAccess)'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "delete" -d 'Remove a user from the directory; stored mail stays'
complete -c waypost -n "__fish_waypost_using_subcommand user; and not __fish_seen_subcommand_from add show set export import passwd list disable enable access delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from add" -l cn -d 'The person\'s name' -r
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from add" -l alias -d 'Another address that delivers to this user; may be repeated' -r
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from add" -l quota -d 'The most bytes of mail (mailQuota): a number with or without K, M or G, or -1 for no limit' -r
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from add" -l message-quota -d 'The most messages (mailMsgQuota), or -1 for no limit' -r
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from add" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from add" -l hash-stdin -d 'Take a hash of the password from the first line of standard input: {SSHA}, {SSHA256}, {SSHA512}, {CRYPT}, {PBKDF2...} or {ARGON2}'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from add" -l password-stdin -d 'Take the password from the first line of standard input'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from set" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from export" -l base -d 'The entry that the domains stand below' -r
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from export" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from export" -l ldif -d 'The form (the only one)'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from import" -l ldif -d 'An LDIF file of entries; `-` is standard input' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from import" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from passwd" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from passwd" -l password-stdin -d 'Take the password from the first line of standard input'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from passwd" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from list" -l domain -d 'Only those of this domain' -r
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from disable" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from enable" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from access" -l set -d 'Rules such as `+imap,pop:*` or `-ALL:ALL EXCEPT 192.0.2.`, `$` between them' -r
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from access" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from access" -l clear -d 'Remove the rules: all services are allowed'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from access" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from delete" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add a user; the password is asked for'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show all attributes of a user; of the password only the scheme'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "set" -d 'Give attributes of a user other values'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "export" -d 'Print domains and users as LDIF, hashes included'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "import" -d 'Take in domains and users; who is there already is changed, all or nothing'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "passwd" -d 'Change a user\'s password; it is asked for'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the users'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Shut a user out and refuse new mail'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "enable" -d 'Let a disabled user in again'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "access" -d 'Show or change which services a user may use, and from where (mailAllowedServiceAccess)'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Remove a user from the directory; stored mail stays'
complete -c waypost -n "__fish_waypost_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and not __fish_seen_subcommand_from add list show set access help" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand domain; and not __fish_seen_subcommand_from add list show set access help" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and not __fish_seen_subcommand_from add list show set access help" -f -a "add" -d 'Add a domain'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and not __fish_seen_subcommand_from add list show set access help" -f -a "list" -d 'List the domains'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and not __fish_seen_subcommand_from add list show set access help" -f -a "show" -d 'Show all attributes of a domain'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and not __fish_seen_subcommand_from add list show set access help" -f -a "set" -d 'Give attributes of a domain other values, such as mailDomainStatus or inetDomainSearchFilter'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and not __fish_seen_subcommand_from add list show set access help" -f -a "access" -d 'Show or change which services a domain\'s users may use, and from where (mailDomainAllowedServiceAccess)'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and not __fish_seen_subcommand_from add list show set access help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from add" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from set" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from access" -l set -d 'Rules such as `+imap,pop:*` or `-ALL:ALL EXCEPT 192.0.2.`, `$` between them' -r
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from access" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from access" -l clear -d 'Remove the rules: all services are allowed'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from access" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add a domain'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the domains'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show all attributes of a domain'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from help" -f -a "set" -d 'Give attributes of a domain other values, such as mailDomainStatus or inetDomainSearchFilter'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from help" -f -a "access" -d 'Show or change which services a domain\'s users may use, and from where (mailDomainAllowedServiceAccess)'
complete -c waypost -n "__fish_waypost_using_subcommand domain; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand directory; and not __fish_seen_subcommand_from check help" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand directory; and not __fish_seen_subcommand_from check help" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand directory; and not __fish_seen_subcommand_from check help" -f -a "check" -d 'Look whether users, domains and servers are as logins and deliveries need them'
complete -c waypost -n "__fish_waypost_using_subcommand directory; and not __fish_seen_subcommand_from check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand directory; and __fish_seen_subcommand_from check" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand directory; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand directory; and __fish_seen_subcommand_from help" -f -a "check" -d 'Look whether users, domains and servers are as logins and deliveries need them'
complete -c waypost -n "__fish_waypost_using_subcommand directory; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand login-explain" -l certificate -d 'A client\'s certificate in PEM form, with those that lead to its authority: the way of SASL EXTERNAL' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand login-explain" -l from -d 'The client\'s address' -r
complete -c waypost -n "__fish_waypost_using_subcommand login-explain" -l service -d 'imap or pop' -r -f -a "imap\t''
pop\t''"
complete -c waypost -n "__fish_waypost_using_subcommand login-explain" -l as -d 'The user that a store administrator acts as' -r
complete -c waypost -n "__fish_waypost_using_subcommand login-explain" -l tls-bits -d 'Bits of the TLS cipher\'s key; 0 is no TLS' -r
complete -c waypost -n "__fish_waypost_using_subcommand login-explain" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand login-explain" -l password-stdin -d 'Check the password on the first line of standard input too'
complete -c waypost -n "__fish_waypost_using_subcommand login-explain" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand deliver" -l folder -d 'The mailbox, INBOX when it does not exist' -r
complete -c waypost -n "__fish_waypost_using_subcommand deliver" -l from -d 'The envelope sender, for the Return-Path line' -r
complete -c waypost -n "__fish_waypost_using_subcommand deliver" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand deliver" -l ignore-quota -d 'Store the mail also where it exceeds the user\'s quota'
complete -c waypost -n "__fish_waypost_using_subcommand deliver" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand quota" -s d -l domain -d 'Only users of this domain' -r
complete -c waypost -n "__fish_waypost_using_subcommand quota" -l above -d 'Only users who have used this share of a quota or more' -r
complete -c waypost -n "__fish_waypost_using_subcommand quota" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand quota" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand import" -l mbox -d 'An mbox file, quoted as `mboxrd` or `mboxo`' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand import" -l maildir -d 'A Maildir with its subfolders' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand import" -l folder -d 'The mailbox, made when missing; subfolders go below it [default: INBOX]' -r
complete -c waypost -n "__fish_waypost_using_subcommand import" -l skip -d 'Leave out the first N messages, which an earlier run has imported' -r
complete -c waypost -n "__fish_waypost_using_subcommand import" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand import" -l ignore-quota -d 'Store the mail also where it exceeds the user\'s quota'
complete -c waypost -n "__fish_waypost_using_subcommand import" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand backup" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand backup" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand check" -l user -d 'Only what is stored of this user: `name` in the default domain, or `name@domain`' -r
complete -c waypost -n "__fish_waypost_using_subcommand check" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand check" -l quick -d 'Do not read the messages themselves, only what is known of them'
complete -c waypost -n "__fish_waypost_using_subcommand check" -l json -d 'A line of JSON for each finding, and one at the end'
complete -c waypost -n "__fish_waypost_using_subcommand check" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand compact" -l percent -d 'Only segments of which at least so many percent are dead' -r
complete -c waypost -n "__fish_waypost_using_subcommand compact" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand compact" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand repair" -l user -d 'Only what is stored of this user: `name` in the default domain, or `name@domain`' -r
complete -c waypost -n "__fish_waypost_using_subcommand repair" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand repair" -s n -l dry-run -d 'Only say what is wrong and what can be done'
complete -c waypost -n "__fish_waypost_using_subcommand repair" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand reconstruct" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand reconstruct" -s n -l dry-run -d 'Only say what would come of it'
complete -c waypost -n "__fish_waypost_using_subcommand reconstruct" -s f -l force -d 'Also when the metadata can be read'
complete -c waypost -n "__fish_waypost_using_subcommand reconstruct" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand selftest" -l seconds -d 'How long it may take' -r
complete -c waypost -n "__fish_waypost_using_subcommand selftest" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand selftest" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand check-config" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand msconfig" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand msconfig" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand version" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand version" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand selftest-writer" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand selftest-writer" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand stored" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand stored" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand imapd" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand imapd" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand popd" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand popd" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand lmtpd" -l config -d 'The configuration file [default: config.toml beside the program\'s bin, else ./var/config.toml, else /etc/waypost/config.toml]' -r -F
complete -c waypost -n "__fish_waypost_using_subcommand lmtpd" -s h -l help -d 'Print help'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "run" -d 'Run the server until SIGTERM or Ctrl-C'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "demo" -d 'Set up and run a demo server with the users alice and bob in a folder'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "status" -d 'Show services, processes, connections and ports'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "start-msg" -d 'Start services that are enabled; without names, all of them'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "stop-msg" -d 'Stop services, enabled or not; without names, all of them'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "refresh" -d 'Have services read their settings again without dropping a connection; without names, all'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "counters" -d 'Show the counters of the services'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "imsconnutil" -d 'Show who is connected, or disconnect users'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "mboxutil" -d 'List, create, delete, rename and bring back mailboxes'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "cert" -d 'Make, show, check and install the server\'s certificate'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "user" -d 'Manage users'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "domain" -d 'Manage domains'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "directory" -d 'Look at the directory that the server uses'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "login-explain" -d 'Show whether a user would be let in, every step of the decision and where its rule stands'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "deliver" -d 'Deliver the message on standard input to a user'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "quota" -d 'Show what users have stored, and their quotas'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "import" -d 'Import an mbox file or a Maildir into a user\'s mailboxes'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "backup" -d 'Copy store, users and configuration consistently, also while the server runs'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "check" -d 'Check whether the store is whole, also while the server runs; nothing is changed'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "compact" -d 'Give back the disk space of messages that are gone, at once instead of in the background'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "repair" -d 'Check the store and repair what can be repaired, also while the server runs'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "reconstruct" -d 'Make the metadata of the store anew from its segments, when they are lost or cannot be read'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "selftest" -d 'Check whether this machine\'s disk and system keep what is acknowledged, in a new folder'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "check-config" -d 'Check the configuration file'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "msconfig" -d 'Change and show options; without arguments it asks for commands'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "version" -d 'Show the version'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "selftest-writer" -d 'The writer that `selftest` kills'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "stored" -d 'The writer of the store (started by `run`)'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "imapd" -d 'The IMAP service (started by `run`)'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "popd" -d 'The POP3 service (started by `run`)'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "lmtpd" -d 'The LMTP service (started by `run`)'
complete -c waypost -n "__fish_waypost_using_subcommand help; and not __fish_seen_subcommand_from run demo status start-msg stop-msg refresh counters imsconnutil mboxutil cert user domain directory login-explain deliver quota import backup check compact repair reconstruct selftest check-config msconfig version selftest-writer stored imapd popd lmtpd help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "self-signed" -d 'Make a key and a certificate that it signs itself'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "show" -d 'Show what is written in the configured certificate, or in that of a file'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "clients" -d 'Show the authorities whose certificates let clients log in, and the maps of certificates\' owners'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "check" -d 'Check the configured certificate and its key; exit status 0 good, 1 warning, 2 bad'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from cert" -f -a "install" -d 'Check a certificate and its key, and put them in the place of the configured ones'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "add" -d 'Add a user; the password is asked for'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "show" -d 'Show all attributes of a user; of the password only the scheme'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "set" -d 'Give attributes of a user other values'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "export" -d 'Print domains and users as LDIF, hashes included'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "import" -d 'Take in domains and users; who is there already is changed, all or nothing'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "passwd" -d 'Change a user\'s password; it is asked for'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "list" -d 'List the users'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "disable" -d 'Shut a user out and refuse new mail'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "enable" -d 'Let a disabled user in again'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "access" -d 'Show or change which services a user may use, and from where (mailAllowedServiceAccess)'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "delete" -d 'Remove a user from the directory; stored mail stays'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from domain" -f -a "add" -d 'Add a domain'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from domain" -f -a "list" -d 'List the domains'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from domain" -f -a "show" -d 'Show all attributes of a domain'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from domain" -f -a "set" -d 'Give attributes of a domain other values, such as mailDomainStatus or inetDomainSearchFilter'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from domain" -f -a "access" -d 'Show or change which services a domain\'s users may use, and from where (mailDomainAllowedServiceAccess)'
complete -c waypost -n "__fish_waypost_using_subcommand help; and __fish_seen_subcommand_from directory" -f -a "check" -d 'Look whether users, domains and servers are as logins and deliveries need them'
