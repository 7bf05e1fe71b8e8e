/** Where the seeds of draws come from. It needs nothing of Ignition: services know it too. */
export type RandomnessSource = "drand" | "randao" | "local";
