from orrery_trainers.toy import main

main()
