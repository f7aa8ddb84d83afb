# The service stops: the client is told to come again.
S: 220 {*}
C: LHLO x
S> 250 SIZE 20000
SHUTDOWN
S: 421 4.3.2 {*}
CLOSE
