# ID (RFC 2971)
@ A
S> * OK {*}
C: a1 ID ("name" "test" "version" NIL)
S: * ID ("name" "Waypost" "version" "1")
S: a1 OK ID completed
C: a2 ID NIL
S: * ID ("name" "Waypost" "version" "1")
S: a2 OK ID completed
