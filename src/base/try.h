/* try: the way out of a function at the first call that fails. */
#ifndef EV_TRY_H
#define EV_TRY_H

#define TRY(call)                                                                                                    \
    do {                                                                                                             \
        const ev_status status_ = (call);                                                                            \
        if (status_ != EV_OK) return status_;                                                                        \
    } while (0)

#endif
